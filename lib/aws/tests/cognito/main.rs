//! Cognito as identity provider: on its bad days, which are scripted below the SDK; and on an emulator of it, the one at
//! `COGNITO_URL`. What needs one is ignored where nobody named it; `.ci/run cognito` starts one.

mod emulated;
mod faults;
mod faulty;
mod pool;
mod script;
mod wire;
mod world;
