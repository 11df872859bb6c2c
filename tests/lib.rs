//! Black-box tests of Tenantry; see `main.rs`.
