use tenantry_app::{Progress, ProviderError};

/// What a step made or found, unless that was taken back: then an empty text is noted.
pub(crate) fn made(progress: &dyn Progress, step: &str) -> Option<String> {
    progress.made(step).filter(|made| !made.is_empty())
}

/// Takes steps back before what they made is removed: in the other order, a run that is cut off in between would leave a note
/// of something that is not there.
pub(crate) async fn take_back(progress: &dyn Progress, steps: &[&'static str]) -> Result<(), ProviderError> {
    for step in steps {
        if made(progress, step).is_some() {
            progress.note(step, "").await?;
        }
    }
    Ok(())
}
