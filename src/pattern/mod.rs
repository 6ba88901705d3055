//! Selecting and naming files: suffixes, templates, regular expressions, globs.
