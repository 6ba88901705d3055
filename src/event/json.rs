//! Events and paths as JSON, one object per line, `"schema":1`.
