use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, Required, Schema};

use crate::problem::{ProblemDetails, ViolationDoc};
use crate::routes::method_of;
use crate::{Access, Routes};

const INTRODUCTION: &str = "\
The control plane of a multi-tenant SaaS product: leads, tenants, provisioning, accounts, members and what they may do.

Errors are RFC 9457 problem details with a stable `code`. Lists are pages: `limit`, `cursor`, `nextCursor`. `GET` answers an \
`ETag`; `PATCH` and `DELETE` honour `If-Match`. A `POST` that creates or triggers takes an `Idempotency-Key` and answers a \
repeat as before, for 24 hours.";

/// The OpenAPI 3.1 document of these groups, made from their route tables.
pub fn openapi(groups: &[Routes]) -> OpenApi {
    let mut components = Components::default();
    components
        .schemas
        .insert("Problem".to_owned(), ProblemDetails::schema());
    components
        .schemas
        .insert("Violation".to_owned(), ViolationDoc::schema());
    let mut paths = Paths::new();
    for group in groups {
        components.schemas.extend(group.components().schemas);
        for (path, method, access, operation) in group.operations() {
            let operation = finished(operation, group.tag, method, access);
            paths.add_path_operation(&path, vec![method_of(method)], operation);
        }
    }
    components.security_schemes.extend([
        ("bearer".to_owned(), bearer().into()),
        (
            "code".to_owned(),
            opaque("The code from the mail, of a verification or of an invitation.").into(),
        ),
        (
            "scrape".to_owned(),
            opaque("The installation's scrape token.").into(),
        ),
    ]);
    let info = InfoBuilder::new()
        .title("Tenantry")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(INTRODUCTION));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components))
        .build()
}

/// Adds what follows from the table: tag, security, who may call, and the headers that every such route takes.
fn finished(mut operation: Operation, tag: &str, method: &str, access: Access) -> Operation {
    operation.tags = Some(vec![tag.to_owned()]);
    let text = operation.description.unwrap_or_default();
    operation.description = Some(format!("{text}\n\n**Access:** {access}").trim().to_owned());
    operation.security = Some(match access {
        Access::Public | Access::Signature => Vec::new(),
        Access::LeadCode => vec![SecurityRequirement::new("code", [""; 0])],
        Access::ScrapeToken => vec![SecurityRequirement::new("scrape", [""; 0])],
        Access::Invitation => vec![
            SecurityRequirement::new("code", [""; 0]),
            SecurityRequirement::new("bearer", [""; 0]),
        ],
        Access::OwnLead
        | Access::OwnLeadOr(_)
        | Access::AnyLeadOr(_)
        | Access::Operator(_)
        | Access::Tenant(_)
        | Access::TenantByOperator(_)
        | Access::TenantOrItsLead(_)
        | Access::Account(_)
        | Access::AccountByOperator(_)
        | Access::AccountOrItsLead(_)
        | Access::AccountEither(_, _)
        | Access::Member(_)
        | Access::Person(_)
        | Access::AnyCaller => vec![SecurityRequirement::new("bearer", [""; 0])],
    });
    let header = match (method, access) {
        (_, Access::Signature | Access::LeadCode | Access::Invitation) => None,
        ("POST", _) => Some((
            "Idempotency-Key",
            "Makes a repeat of this request answer as before.",
        )),
        ("PATCH" | "DELETE", _) => Some(("If-Match", "Goes on only if this is the present `ETag`.")),
        _ => None,
    };
    if let Some((name, text)) = header {
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(Schema::from(
                ObjectBuilder::new().schema_type(Type::String).build(),
            )));
        operation
            .parameters
            .get_or_insert_default()
            .push(header.build().into());
    }
    operation
}

fn bearer() -> SecurityScheme {
    let text = "A JWT of a configured issuer, or a lead's token from verification.";
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(text))
            .build(),
    )
}

fn opaque(text: &str) -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(text))
            .build(),
    )
}
