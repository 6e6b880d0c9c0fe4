//! Access to every word of a structure in shared memory: to clear it, and to overwrite it in tests.

use crate::shared::atomics::AtomicU64;

/// A structure of words that all processes share.
pub(crate) trait Words {
    /// Calls `visit` with each word.
    fn for_each(&self, visit: &mut dyn FnMut(&AtomicU64));
}

impl Words for AtomicU64 {
    fn for_each(&self, visit: &mut dyn FnMut(&AtomicU64)) {
        visit(self);
    }
}

impl<T: Words, const N: usize> Words for [T; N] {
    fn for_each(&self, visit: &mut dyn FnMut(&AtomicU64)) {
        for part in self {
            part.for_each(visit);
        }
    }
}

/// Implements [`Words`] for a structure by its fields. A missing field causes a compilation error.
macro_rules! words {
    ($name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::shared::words::Words for $name {
            fn for_each(&self, visit: &mut dyn FnMut(&$crate::shared::atomics::AtomicU64)) {
                let Self { $($field),* } = self;
                $($crate::shared::words::Words::for_each($field, visit);)*
            }
        }
    };
}
pub(crate) use words;

/// A value that is all zero, like new shared memory. Most of it is never touched.
#[cfg(all(test, not(loom)))]
pub(crate) fn zeroed<T: bytemuck::Zeroable>() -> Box<T> {
    bytemuck::zeroed_box()
}

/// A value that is all zero. The tables of a model are small.
#[cfg(all(test, loom))]
pub(crate) fn zeroed<T: Default>() -> Box<T> {
    Box::default()
}
