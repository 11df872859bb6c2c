use thiserror::Error as ThisError;

/// Why the local product could not do something.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    /// Because of another error.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }

    /// Because of this.
    pub fn because(reason: &str) -> Self {
        Self(reason.into())
    }
}
