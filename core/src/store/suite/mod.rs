//! The contract of [`Store`](crate::store::Store) as checks that run over any store.
