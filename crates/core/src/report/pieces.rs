//! Long documents are made in pieces, so that the report of a server with thousands of scopes does
//! not fill the memory.

/// The pieces of a document, each of them text or why it could not be made.
pub type Pieces<'r> = Box<dyn Iterator<Item = Result<String, String>> + Send + 'r>;

/// How many bytes a piece has at least, unless it is the last one.
pub(super) const LENGTH: usize = 64 * 1024;
