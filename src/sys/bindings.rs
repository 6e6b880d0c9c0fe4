//! The bindings that bindgen generates from `c-shim/shim.h`.

#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
#![allow(dead_code, unreachable_pub, unsafe_op_in_unsafe_fn, missing_docs)]
#![allow(clippy::all, clippy::indexing_slicing, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
