//! The mails that Tenantry sends: what they say is decided here, rendered by the relay.

use serde::{Deserialize, Serialize};
use tenantry_domain::Email;

/// A mail before it is rendered. In the outbox it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The receiver.
    pub to: Email,
    /// What it says.
    pub content: Content,
}

/// What a mail says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
pub enum Content {
    /// Asks a lead to prove its e-mail address.
    VerifyLead {
        /// The person.
        first_name: String,
        /// The company.
        company_name: String,
        /// The front end's page, with lead and code.
        link: String,
        /// The code alone, for typing.
        code: String,
        /// How long the code lives.
        expires_minutes: i64,
    },
    /// Tells the primary contact that the tenant can be used.
    TenantWelcome {
        /// The person.
        first_name: String,
        /// The tenant.
        tenant_name: String,
        /// Its short name.
        tenant_key: String,
        /// Where its application is.
        link: Option<String>,
        /// The person's invitation to own the tenant, if nobody owns it yet.
        invitation: Option<Invite>,
    },
    /// Asks a person to become a member of a tenant.
    Invitation {
        /// The person, if its name is known.
        first_name: Option<String>,
        /// The tenant.
        tenant_name: String,
        /// The role that it will have.
        role_name: String,
        /// How to accept.
        invitation: Invite,
    },
    /// Tells a person how to sign in for the first time, where the identity provider cannot.
    FirstKey {
        /// The person.
        first_name: String,
        /// The tenant.
        tenant_name: String,
        /// What it signs in with.
        email: String,
        /// Where it chooses its password.
        link: Option<String>,
        /// A password that has to be changed at once.
        password: Option<String>,
    },
}

/// How a person accepts an invitation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The front end's page, with the code.
    pub link: String,
    /// The code alone, for typing.
    pub code: String,
    /// How long it counts.
    pub expires_days: i64,
}

/// A mail as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// The subject line.
    pub subject: String,
    /// The plain text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
}

/// Codes, links and names stay out of logs.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::VerifyLead { .. } => "VerifyLead",
            Self::TenantWelcome { .. } => "TenantWelcome",
            Self::Invitation { .. } => "Invitation",
            Self::FirstKey { .. } => "FirstKey",
        })
    }
}

#[cfg(feature = "render")]
mod render {
    use minijinja::{Environment, Error};

    use super::{Content, RenderedMail};

    /// Renders mails. The file name's ending decides about escaping: `.html` is escaped, `.txt` is not.
    pub struct Renderer(Environment<'static>);

    const TEMPLATES: [(&str, &str); 9] = [
        ("layout.html", include_str!("mail/layout.html")),
        ("verify_lead.txt", include_str!("mail/verify_lead.txt")),
        ("verify_lead.html", include_str!("mail/verify_lead.html")),
        ("tenant_welcome.txt", include_str!("mail/tenant_welcome.txt")),
        ("tenant_welcome.html", include_str!("mail/tenant_welcome.html")),
        ("invitation.txt", include_str!("mail/invitation.txt")),
        ("invitation.html", include_str!("mail/invitation.html")),
        ("first_key.txt", include_str!("mail/first_key.txt")),
        ("first_key.html", include_str!("mail/first_key.html")),
    ];

    impl Renderer {
        /// With the built-in templates.
        pub fn new() -> Result<Self, Error> {
            let mut environment = Environment::new();
            environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
            for (name, source) in TEMPLATES {
                environment.add_template(name, source)?;
            }
            Ok(Self(environment))
        }

        /// Renders both parts.
        pub fn render(&self, content: &Content) -> Result<RenderedMail, Error> {
            let (template, subject) = match content {
                Content::VerifyLead { .. } => ("verify_lead", "Confirm your e-mail address".to_owned()),
                Content::TenantWelcome { tenant_name, .. } => {
                    ("tenant_welcome", format!("{tenant_name} is ready"))
                }
                Content::Invitation { tenant_name, .. } => {
                    ("invitation", format!("You are invited to {tenant_name}"))
                }
                Content::FirstKey { tenant_name, .. } => ("first_key", format!("Sign in to {tenant_name}")),
            };
            let part = |ending: &str| {
                self.0
                    .get_template(&format!("{template}.{ending}"))?
                    .render(content)
            };
            Ok(RenderedMail {
                subject,
                text: part("txt")?,
                html: part("html")?,
            })
        }
    }
}

#[cfg(feature = "render")]
pub use render::Renderer;
