use std::collections::BTreeSet;

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::PartialSchema;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn, PathItem, Paths};
use utoipa::openapi::{Components, RefOr, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::guard::{Rules, guard};
use crate::{Access, Edge};

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
    rows: Vec<Row>,
    pub(crate) components: Components,
}

struct Row {
    access: Access,
    paths: Paths,
    handler: axum::routing::MethodRouter<Edge>,
}

impl Routes {
    /// A group of routes, by its name in the document.
    pub fn new(tag: &'static str) -> Self {
        Self {
            tag,
            rows: Vec::new(),
            components: Components::default(),
        }
    }

    /// Adds a route: who may call it, then what answers.
    #[must_use]
    pub fn add(mut self, access: Access, (schemas, paths, handler): UtoipaMethodRouter<Edge>) -> Self {
        self.components.schemas.extend(schemas);
        self.rows.push(Row {
            access,
            paths,
            handler,
        });
        self
    }

    /// Describes a type that replies hold.
    #[must_use]
    pub fn schema<T: ToSchema + PartialSchema>(mut self) -> Self {
        let mut schemas: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        self.components.schemas.extend(schemas);
        self
    }

    /// The table.
    pub fn table(&self) -> Vec<Route> {
        self.operations()
            .map(|(path, method, access, operation)| Route {
                method: method.to_owned(),
                path: path.to_owned(),
                operation_id: operation.operation_id.clone().unwrap_or_default(),
                access,
            })
            .collect()
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = (&str, &'static str, Access, &Operation)> {
        self.rows.iter().flat_map(|row| {
            let items = row
                .paths
                .paths
                .iter()
                .flat_map(|(path, item)| methods(item).map(move |found| (path, found)));
            items.map(|(path, (method, operation))| (path.as_str(), method, row.access, operation))
        })
    }

    /// What serves the routes.
    pub(crate) fn into_router(self, edge: &Edge) -> Router<Edge> {
        let mut router = Router::new();
        for Row {
            access,
            paths,
            handler,
        } in self.rows
        {
            for (path, item) in paths.paths {
                let query: Vec<String> = methods(&item)
                    .flat_map(|(_, operation)| query_members(operation))
                    .collect();
                let rules = Rules {
                    access,
                    query: query.into(),
                };
                router = router.route(
                    &path,
                    handler
                        .clone()
                        .layer(from_fn_with_state((edge.clone(), rules), guard)),
                );
            }
        }
        router
    }
}

fn query_members(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.parameters.iter().flatten();
    let query = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    query.collect()
}

pub(crate) fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
        ("HEAD", &item.head),
        ("PATCH", &item.patch),
        ("TRACE", &item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
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
