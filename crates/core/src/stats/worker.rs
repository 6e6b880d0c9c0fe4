//! The process and thread that serve a request.

/// The process and thread that serve a request.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// The number of the process.
    pub process: i32,
    /// The number of the connection. Concurrent connections usually have different numbers.
    pub connection: u64,
    /// The generation of the process's configuration.
    pub generation: u8,
}

impl Worker {
    /// A number below `count`, which must be a power of two. Adjacent connections get different
    /// numbers.
    pub(super) fn spread(self, count: usize) -> usize {
        // The multiplication spreads adjacent numbers (Knuth, Art of Computer Programming, section
        // 6.4).
        let spread = self.connection.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - count.trailing_zeros())) as usize
    }
}
