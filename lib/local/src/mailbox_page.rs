//! The page that shows the developer the mails of the local server.

use minijinja::{Environment, context};
use serde::Serialize;

/// A mail as the mailbox page shows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PageMail<'a> {
    /// The receiver's address.
    pub to: &'a str,
    /// The subject line.
    pub subject: &'a str,
    /// The text part.
    pub text: &'a str,
    /// The HTML part, shown in a frame that runs no scripts and loads nothing.
    pub html: &'a str,
    /// When the mail was sent, in RFC 3339.
    pub sent_at: &'a str,
}

/// Renders the page for mails in the order they were sent; it shows the newest first.
///
/// It needs no more than the policy `default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'`, which its
/// frames inherit.
pub fn render(mails: &[PageMail<'_>]) -> String {
    let newest_first = mails.iter().rev().collect::<Vec<_>>();

    // The name's extension turns HTML escaping on.
    Environment::new()
        .render_named_str(
            "mailbox.html",
            include_str!("mailbox.html"),
            context! { mails => newest_first },
        )
        .expect("the template is compiled in and takes any text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: PageMail<'_> = PageMail {
        to: "ada@example.com",
        subject: "Hello",
        text: "Hello, Ada",
        html: "<p>Hello, <b>Ada</b></p>",
        sent_at: "2026-01-02T03:04:05Z",
    };

    #[test]
    fn the_newest_mail_comes_first() {
        let second = PageMail {
            subject: "Second",
            ..HELLO
        };

        let page = render(&[HELLO, second]);

        let first_at = page.find("Hello</h2>").expect("the first mail is on the page");
        let second_at = page.find("Second</h2>").expect("the second mail is on the page");
        assert!(second_at < first_at, "{page}");
    }

    #[test]
    fn a_mail_is_shown_with_both_its_parts() {
        let page = render(&[HELLO]);

        for shown in [
            "ada@example.com",
            "2026-01-02T03:04:05Z",
            "<pre>Hello, Ada</pre>",
            "1 mail ·",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
        assert!(
            page.contains("&lt;p&gt;Hello, &lt;b&gt;Ada&lt;&#x2f;b&gt;&lt;&#x2f;p&gt;"),
            "{page}"
        );
    }

    #[test]
    fn what_a_mail_contains_stays_text_on_the_page() {
        let hostile = r#"</title></pre>"><script>alert(1)</script><img src=x onerror='alert(1)'>{{ 7 * 7 }}"#;
        let harmless = render(&[HELLO]);

        let page = render(&[PageMail {
            to: hostile,
            subject: hostile,
            text: hostile,
            html: hostile,
            sent_at: hostile,
        }]);

        for markup in ["<script", "<img", "</title>", "</pre>", "<iframe", r#"">"#] {
            assert_eq!(
                page.matches(markup).count(),
                harmless.matches(markup).count(),
                "{markup} in {page}"
            );
        }
        assert!(page.contains("{{ 7 * 7 }}"), "{page}");
    }

    #[test]
    fn the_frame_of_a_mail_is_sandboxed_and_opens_links_in_a_new_tab() {
        let page = render(&[HELLO]);

        assert!(
            page.contains(r#"sandbox="allow-popups allow-popups-to-escape-sandbox""#),
            "{page}"
        );
        assert!(
            page.contains(r#"srcdoc="&lt;base target=&quot;_blank&quot;&gt;"#),
            "{page}"
        );
    }

    #[test]
    fn the_page_runs_no_scripts_and_loads_nothing() {
        let page = render(&[HELLO]);

        for forbidden in ["<script", "<link", "javascript:", "src=", "url(", "@import"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
    }

    #[test]
    fn an_empty_mailbox_says_how_to_get_a_mail() {
        let page = render(&[]);

        assert!(page.contains("POST /leads"), "{page}");
        assert!(!page.contains("<article"), "{page}");
    }

    #[test]
    fn the_page_refreshes_itself() {
        assert!(render(&[]).contains(r#"<meta http-equiv="refresh" content="5">"#));
    }
}
