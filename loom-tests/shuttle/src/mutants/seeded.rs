//! The bugs.

/// One bug: `text`, which is once in `file`, becomes `with`.
pub(crate) struct Mutant {
    pub(crate) bug: &'static str,
    pub(crate) file: &'static str,
    pub(crate) text: &'static str,
    pub(crate) with: &'static str,
}

/// Every bug.
pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        bug: "a stream is ended by load and store",
        file: "core/src/stream/word.rs",
        text: "match self.0.compare_exchange(word, to, Ordering::AcqRel, Ordering::Acquire) {",
        with: "self.0.store(to, Ordering::Release);\n            match Ok::<u64, u64>(to) {",
    },
    Mutant {
        bug: "a closed connection's slots are not marked closed",
        file: "core/src/stream/word.rs",
        text: "self.end(EndReason::Disconnected, None, CLOSED)",
        with: "self.end(EndReason::Disconnected, None, 0)",
    },
    Mutant {
        bug: "a manager is destroyed by the closer that took it",
        file: "reclaim/src/cell/published.rs",
        text: "        self.retired.store(true, Ordering::Release);\n        pin.hand_over(Retired::shared(value));",
        with: "        self.retired.store(true, Ordering::Release);\n        let _ = pin;\n        drop(value);",
    },
    Mutant {
        bug: "a cell is retired by load and store",
        file: "reclaim/src/cell/published.rs",
        text: "let Some(value) = self.cell.swap(None) else {\n            return false;",
        with: "let found = self.cell.load_full();\n        crate::sync::thread::yield_now();\n        \
               self.cell.store(None);\n        let Some(value) = found else {\n            return false;",
    },
    Mutant {
        bug: "a connection closes without waking its owner",
        file: "core/src/conn/connection.rs",
        text: "        self.backfills.close(pin);\n        self.ready.wake();",
        with: "        self.backfills.close(pin);",
    },
    Mutant {
        bug: "an owner does not look again after it has registered",
        file: "core/src/producer/owner.rs",
        text: "if self.is_ready() { Poll::Ready(()) } else { Poll::Pending }",
        with: "Poll::Pending",
    },
    Mutant {
        bug: "a stream does not look again after it has parked",
        file: "core/src/stream/active.rs",
        text: "            opened = open();\n",
        with: "",
    },
    Mutant {
        bug: "a manager goes idle though something came in meanwhile",
        file: "core/src/backfill/turns.rs",
        text: "                RUNNING => AGAIN,\n",
        with: "",
    },
    Mutant {
        bug: "a scan leaves its place and tells nobody",
        file: "core/src/backfill/pool.rs",
        text: "        if !self.gate.waiting.is_empty() {\n            self.gate.wake();\n        }\n",
        with: "",
    },
    Mutant {
        bug: "bytes are given back twice",
        file: "core/src/flow/budget.rs",
        text: "given back of {} lent\", self.bytes);\n        self.bytes -= bytes;\n        if bytes > 0",
        with: "given back of {} lent\", self.bytes);\n        if bytes > 0",
    },
    Mutant {
        bug: "a drained buffer starts nobody",
        file: "core/src/producer/step.rs",
        text: "        self.connection.backfills.kick_if_drained();\n",
        with: "",
    },
    Mutant {
        bug: "a change of state opens the log of an engine that has ended",
        file: "core/src/log/tail.rs",
        text: "self.0.fetch_and(!SEALED, Ordering::AcqRel);",
        with: "self.0.fetch_and(!SHUT, Ordering::AcqRel);",
    },
    Mutant {
        bug: "the reaper goes before those who were inside",
        file: "core/src/engine/housekeeper.rs",
        text: "    reader.pin().retire(Box::new(LastPin));\n",
        with: "    let _ = LastPin;\n",
    },
    Mutant {
        bug: "what the reaper left is not destroyed with the domain",
        file: "reclaim/src/domain/shared.rs",
        text: "        self.0.destroy_all();\n",
        with: "        let _ = &self.0;\n",
    },
    Mutant {
        bug: "a connection is added to a closed map",
        file: "core/src/conn/map.rs",
        text: "self.0.update(pin, |roster| (!roster.closed).then(|| roster.with(connection)))?;",
        with: "self.0.update(pin, |roster| Some(roster.with(connection)))?;",
    },
];
