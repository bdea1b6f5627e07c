//! The one integration binary: each file below `tests/` is a module of it.
