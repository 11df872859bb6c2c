//! The providers against their contracts, as far as these can be had without them.
//!
//! No Keycloak and no Auth0 is in a package registry, and no simulator of what we use of them. So `keycloak` and `auth0` here
//! are *contract servers*: they answer the requests that we send, and no others, in the shapes that the originals' own sources
//! and recordings have, which each of them names. They are strict: an unknown path fails the test, an unknown or missing
//! member, a wrong content type or a wrong token has the original's error. They are no proof that an original agrees; what they
//! prove is that we keep to the contract as it is written, whatever is cut off, lost, limited or refused on the way.

mod auth0;
mod cutting_off;
mod first_keys;
mod happy;
mod hostile;
mod keycloak;
mod leaving;
mod refusals;
mod reply;
mod taking_over;
mod trouble;
mod wire;
mod world;
