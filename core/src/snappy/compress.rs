//! From a value to a compressed one, if that is worth it.

/// Compresses values, one after the other. Made when the first is wanted: its tables are large.
#[derive(Default)]
pub(crate) struct Compressor {
    encoder: Option<Box<snap::raw::Encoder>>,
}

impl Compressor {
    /// Puts the compressed value in `room`, in place of what was there. Whether it is short enough to be used.
    pub(crate) fn compress(&mut self, value: &[u8], room: &mut Vec<u8>) -> bool {
        let encoder = self.encoder.get_or_insert_with(|| Box::new(snap::raw::Encoder::new()));
        room.clear();
        room.resize(snap::raw::max_compress_len(value.len()), 0);
        let Ok(len) = encoder.compress(value, room) else { return false };
        room.truncate(len);
        len * 100 <= value.len() * RATIO_PERCENT_MAX
    }
}

/// A compressed value that is longer than this share of the value, in percent, is not used: it would cost the reader
/// more than it saves.
const RATIO_PERCENT_MAX: usize = 85;
