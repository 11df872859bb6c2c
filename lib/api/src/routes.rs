use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem};
use utoipa::openapi::{Components, RefOr, Schema};
use utoipa_axum::PathItemExt as _;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::guard::{Rules, guard};
use crate::{Access, Edge};

/// An endpoint by its handler's path, for `Routes::add`.
#[macro_export]
macro_rules! routes {
    ($module:ident :: $handler:ident) => {
        $crate::__paste! {
            $crate::Endpoint::new::<$module::[<__path_ $handler>], _, _>(
                $module::$handler,
                || $crate::__described!($module::$handler),
            )
        }
    };
}

/// What answers a route, and how it is described. The description is a function: it is much to make and little of it is
/// needed to serve.
pub struct Endpoint {
    path: String,
    handler: MethodRouter<Edge>,
    describe: Describe,
}

type Describe = fn() -> UtoipaMethodRouter<Edge>;

impl Endpoint {
    /// For `routes!`, which names what `utoipa::path` made of the handler.
    #[doc(hidden)]
    pub fn new<P: utoipa::Path, H: Handler<T, Edge>, T: 'static>(handler: H, describe: Describe) -> Self {
        let on = |router: MethodRouter<Edge>, method: HttpMethod| {
            router.on(method.to_method_filter(), handler.clone())
        };
        Self {
            path: P::path(),
            handler: P::methods().into_iter().fold(MethodRouter::new(), on),
            describe,
        }
    }
}

/// One row of the route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// HTTP method, upper case.
    pub method: String,
    /// Path, parameters in braces.
    pub path: String,
    /// The handler's name.
    pub operation_id: String,
    /// Who may call it.
    pub access: Access,
}

/// The routes of a group, each with its access. What serves a request, what the API document says and what the tests walk
/// through are this one table.
pub struct Routes {
    pub(crate) tag: &'static str,
    rows: Vec<(Access, Endpoint)>,
    schemas: Vec<fn() -> Schemas>,
}

type Schemas = Vec<(String, RefOr<Schema>)>;

/// The names of a route's query members, read from its description by the first request that has a query.
#[derive(Clone)]
pub(crate) struct QueryMembers {
    describe: Describe,
    names: Arc<OnceLock<Vec<String>>>,
}

impl Routes {
    /// A group of routes, by its name in the document.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            rows: Vec::new(),
            schemas: Vec::new(),
        }
    }

    /// What the group is called in the document.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// Adds a route: who may call it, then what answers.
    #[must_use]
    pub fn add(mut self, access: Access, endpoint: Endpoint) -> Self {
        self.rows.push((access, endpoint));
        self
    }

    /// Describes a type that replies hold.
    #[must_use]
    pub fn schema<T: ToSchema + PartialSchema>(mut self) -> Self {
        self.schemas.push(|| {
            let mut schemas: Schemas = vec![(T::name().into_owned(), T::schema())];
            T::schemas(&mut schemas);
            schemas
        });
        self
    }

    /// The table.
    pub fn table(&self) -> Vec<Route> {
        self.operations()
            .map(|(path, method, access, operation)| Route {
                method: method.to_owned(),
                path,
                operation_id: operation.operation_id.unwrap_or_default(),
                access,
            })
            .collect()
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = (String, &'static str, Access, Operation)> {
        self.rows.iter().flat_map(|(access, endpoint)| {
            let (_, paths, _) = (endpoint.describe)();
            paths.paths.into_iter().flat_map(move |(path, item)| {
                methods(item).map(move |(method, operation)| (path.clone(), method, *access, operation))
            })
        })
    }

    pub(crate) fn components(&self) -> Components {
        let mut components = Components::default();
        for (_, endpoint) in &self.rows {
            let (schemas, _, _) = (endpoint.describe)();
            components.schemas.extend(schemas);
        }
        for schemas in &self.schemas {
            components.schemas.extend(schemas());
        }
        components
    }

    /// What serves the routes.
    pub(crate) fn into_router(self, edge: &Edge) -> Router<Edge> {
        let mut router = Router::new();
        for (access, endpoint) in self.rows {
            let rules = Rules {
                access,
                query: QueryMembers {
                    describe: endpoint.describe,
                    names: Arc::default(),
                },
            };
            let guarded = endpoint
                .handler
                .layer(from_fn_with_state((edge.clone(), rules), guard));
            router = router.route(&endpoint.path, guarded);
        }
        router
    }
}

impl QueryMembers {
    pub(crate) fn contain(&self, name: &str) -> bool {
        let names = self.names.get_or_init(|| {
            let (_, paths, _) = (self.describe)();
            let items = paths.paths.into_values();
            items
                .flat_map(methods)
                .flat_map(|(_, operation)| query_members(operation))
                .collect()
        });
        names.iter().any(|known| known == name)
    }
}

fn query_members(operation: Operation) -> impl Iterator<Item = String> {
    let parameters = operation.parameters.into_iter().flatten();
    parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name),
        RefOr::T(_) | RefOr::Ref(_) => None,
    })
}

fn methods(item: PathItem) -> impl Iterator<Item = (&'static str, Operation)> {
    [
        ("GET", item.get),
        ("PUT", item.put),
        ("POST", item.post),
        ("DELETE", item.delete),
        ("OPTIONS", item.options),
        ("HEAD", item.head),
        ("PATCH", item.patch),
        ("TRACE", item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

pub(crate) fn method_of(name: &str) -> HttpMethod {
    match name {
        "PUT" => HttpMethod::Put,
        "POST" => HttpMethod::Post,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        "HEAD" => HttpMethod::Head,
        "PATCH" => HttpMethod::Patch,
        "TRACE" => HttpMethod::Trace,
        _ => HttpMethod::Get,
    }
}
