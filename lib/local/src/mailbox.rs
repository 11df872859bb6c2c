use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tenantry_app::mail::RenderedMail;
use tenantry_app::{MailPort, Undelivered};
use tenantry_domain::{Clock, Email, Event, Id, Timestamp};

use crate::mailbox_page::{PageMail, render};

/// How many of the last mails are kept.
const KEPT: usize = 500;

/// A mailbox in memory, for everybody's mail.
pub struct Mailbox {
    clock: Arc<dyn Clock>,
    mails: Mutex<Vec<ReceivedMail>>,
}

/// A mail that arrived.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedMail {
    /// The message's id; a mail that came twice has one.
    pub id: Id<Event>,
    /// The receiver.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// When it was sent.
    pub sent_at: Timestamp,
}

impl Mailbox {
    /// Empty.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            mails: Mutex::default(),
        }
    }

    /// The mails, oldest first.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The mails as a page for people.
    pub fn page(&self) -> String {
        let mails = self.mails();
        let times: Vec<String> = mails.iter().map(|mail| mail.sent_at.to_string()).collect();
        let page = mails.iter().zip(&times).map(|(mail, sent_at)| PageMail {
            to: &mail.to,
            subject: &mail.subject,
            text: &mail.text,
            html: &mail.html,
            sent_at,
        });
        render(&page.collect::<Vec<_>>())
    }
}

impl MailPort for Mailbox {
    fn send<'a>(
        &'a self,
        id: Id<Event>,
        to: &'a Email,
        mail: &'a RenderedMail,
    ) -> BoxFuture<'a, Result<(), Undelivered>> {
        let RenderedMail { subject, text, html } = mail.clone();
        let mail = ReceivedMail {
            id,
            to: to.as_str().to_owned(),
            subject,
            text,
            html,
            sent_at: self.clock.now(),
        };
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push(mail);
        let surplus = mails.len().saturating_sub(KEPT);
        mails.drain(..surplus);
        std::future::ready(Ok(())).boxed()
    }
}
