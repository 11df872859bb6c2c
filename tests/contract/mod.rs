//! What others rely on, as pictures and tables that a reviewer reads: a change that breaks one of these is a decision.

mod authorization;
mod capacity;
mod events;
mod isolation;
mod openapi;
mod people;
mod permissions;
mod policy;
mod scene;
mod template;
