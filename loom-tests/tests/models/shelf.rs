//! The array that is made on first use: made once, seen whole, and never behind a closer that found it absent.

use loom::thread;
use millstream_models::Model;
use millstream_reclaim::Shelf;
use millstream_reclaim::sync::UnsafeCell;
use std::sync::Arc;

/// An element whose first write loom watches.
struct Element(UnsafeCell<u32>);

impl Default for Element {
    fn default() -> Self {
        let cell = UnsafeCell::new(0);
        // SAFETY: nobody else has the cell yet.
        cell.with_mut(|value| unsafe { *value = 7 });
        Self(cell)
    }
}

// SAFETY: a model never writes after `default`.
unsafe impl Sync for Element {}

fn read(elements: &[Element]) {
    assert_eq!(elements.len(), 2);
    for element in elements {
        // SAFETY: nobody writes any more; loom finds a reader that does not see the first write.
        assert_eq!(element.0.with(|value| unsafe { *value }), 7, "seen whole");
    }
}

/// A maker, a closer and a reader: the closer and the maker agree, and whoever sees the array sees all of it.
#[test]
fn make_vs_close() {
    Model::new("shelf::make_vs_close", 3).floor(20).check(|| {
        let shelf = Arc::new(Shelf::<Element>::new(2));
        let making = thread::spawn({
            let shelf = Arc::clone(&shelf);
            move || shelf.make().map(read).is_some()
        });
        let reading = thread::spawn({
            let shelf = Arc::clone(&shelf);
            move || shelf.get().map(read).is_some()
        });
        let found = shelf.close().map(read).is_some();
        let (made, seen) = (making.join().unwrap(), reading.join().unwrap());
        assert_eq!(made, found, "made before it was closed, or never");
        assert!(made || !seen);
        assert_eq!(shelf.make().is_some(), found, "and so it stays");
        assert_eq!(shelf.close().is_some(), found);
    });
}
