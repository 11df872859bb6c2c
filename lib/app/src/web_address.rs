use tenantry_domain::Rule;

/// Goes into a mail as a link: `https:` and `http:` only. An empty one is none.
pub fn web_address(text: &str) -> Result<Option<String>, Rule> {
    let text = text.trim();
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.len() <= 500
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    // Before the `@` of an authority stands what looks like the host and is not.
    let authority = text.split(['/', '?', '#']).nth(2).unwrap_or_default();
    let has_host = !authority.is_empty() && !authority.contains('@');
    match (text.is_empty(), is_web && is_plain && has_host) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text.to_owned())),
        (false, false) => Err(Rule::new(
            "invalid_url",
            "must be an http or https address of at most 500 characters",
        )),
    }
}
