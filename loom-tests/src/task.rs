//! Waiting for a future inside a model.

use loom::sync::Notify;
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

struct Wakeup(Notify);

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Runs a future to its end on the calling thread; a lost wake-up is a deadlock, which loom reports.
///
/// Loom's own one never yields: the real atomic-waker wakes its task while another thread is inside `wake`, and the
/// model would spin. And parking would lose its token to the yield.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let wakeup = Arc::new(Wakeup(Notify::new()));
    let waker = Waker::from(Arc::clone(&wakeup));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        wakeup.0.wait();
        thread::yield_now();
    }
}
