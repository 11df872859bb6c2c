//! Black-box tests: contracts (who may do what, the API document, the template) and journeys through the whole product.
#![cfg(test)]

mod contract;
mod edge;
mod journeys;
