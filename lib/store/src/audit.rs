use serde::{Deserialize, Serialize};
use tenantry_domain::{AuditEntry, TenantScope, Timestamp};

use crate::entity::Entity;
use crate::key::{self, Keys};
use crate::{Error, Order, Page, PageRequest, Store};

/// An audit entry with what it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLine {
    pub(crate) subject: String,
    #[serde(flatten)]
    pub(crate) entry: AuditEntry,
}

impl Entity for AuditLine {
    const TYPE: &'static str = "audit";

    fn keys(&self) -> Keys {
        Keys::only(key::audit(&self.subject, self.entry.at, self.entry.id))
    }
}

impl Store {
    /// Lists what was done to a tenant. The trail is kept by months; a page that reaches the end of one goes on in the next.
    pub async fn list_audit(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
        now: Timestamp,
    ) -> Result<Page<AuditEntry>, Error> {
        let cursor_key = &self.shared.settings.cursor_key;
        let position = match &request.cursor {
            Some(cursor) => Some(cursor_key.open(&request.binding, cursor)?),
            None => None,
        };
        let (oldest, newest) = (Month::of(scope.tenant_id().made_at()), Month::of(now));
        let (mut month, end) = match request.order {
            Order::Ascending => (oldest, newest),
            Order::Descending => (newest, oldest),
        };
        if let Some(month_read) = position.as_deref().and_then(Month::parse) {
            month = month_read;
        }
        let limit = usize::from(request.limit);
        let mut items = Vec::new();
        let all = (" ".to_owned(), key::LAST.to_owned());
        loop {
            let partition = key::audit_month(&scope.tenant_id().to_string(), &month.to_string());
            let behind = position.as_deref().filter(|_| items.is_empty());
            let wanted = limit + 1 - items.len();
            items.extend(
                self.query(None, &partition, &all, behind, request.order, Some(wanted), true)
                    .await?,
            );
            if items.len() > limit || month == end {
                break;
            }
            month = month.next(request.order);
        }
        let is_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().and_then(|item| crate::entity::text_of(item, "sk"));
        let next_cursor = last
            .filter(|_| is_more)
            .map(|sk| cursor_key.seal(&request.binding, sk));
        let items = items
            .into_iter()
            .map(|item| AuditLine::from_item(item).map(|line| line.entry))
            .collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Month {
    year: u16,
    month: u8,
}

impl Month {
    fn of(at: Timestamp) -> Self {
        Self::parse(&at.to_string()).expect("a timestamp begins with year and month")
    }

    /// From the beginning of a timestamp, which is how an entry's sort key begins.
    fn parse(text: &str) -> Option<Self> {
        Some(Self {
            year: text.get(..4)?.parse().ok()?,
            month: text.get(5..7)?.parse().ok()?,
        })
    }

    fn next(self, order: Order) -> Self {
        match (order, self.month) {
            (Order::Ascending, 12) => Self {
                year: self.year + 1,
                month: 1,
            },
            (Order::Ascending, month) => Self {
                month: month + 1,
                ..self
            },
            (Order::Descending, 1) => Self {
                year: self.year - 1,
                month: 12,
            },
            (Order::Descending, month) => Self {
                month: month - 1,
                ..self
            },
        }
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}
