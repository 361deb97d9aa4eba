//! What tests of engines, servers and clients need: judges that do not trust what they are shown.

pub mod oracle;
