//! Wraps httpd, APR and the operating system for the other modules: bindings, pools, shared memory,
//! threads.

pub(crate) mod address;
pub(crate) mod bindings;
pub(crate) mod config_vector;
pub(crate) mod guard;
pub(crate) mod kept_contents;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod resolver;
pub(crate) mod scratch_thread;
pub(crate) mod shared_memory;
pub(crate) mod table;
