//! Who serves a request.

/// A thread of a process that serves a request.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// The number of the process.
    pub process: i32,
    /// The number of the connection. Connections at the same time mostly have different ones.
    pub connection: u64,
    /// Which reading of the configuration the process has.
    pub generation: u8,
}

impl Worker {
    /// A number below `count`, which is a power of two. Neighbouring connections have different ones.
    pub(super) fn spread(self, count: usize) -> usize {
        // Multiplied by a large odd number, they lie far apart (Knuth, Art of Computer
        // Programming, 6.4).
        let spread = self.connection.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - count.trailing_zeros())) as usize
    }
}
