//! Black-box tests: contracts (who may do what, the API document, the template) and journeys through the whole product, local
//! and deployed.
#![cfg(test)]

mod contract;
mod deployed;
mod edge;
mod journeys;
