use tenantry_api::Problem;
use tenantry_api::view::TenantView;
use tenantry_store::TenantParts;

/// Which relations of a tenant are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Include {
    contacts: bool,
    resources: bool,
    lead: bool,
}

impl Include {
    /// Reads `include`: names with commas between them. The address is always there; its name is accepted.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut include = Self::default();
        for name in text.into_iter().flat_map(|text| text.split(',')) {
            match name {
                "contacts" => include.contacts = true,
                "resources" => include.resources = true,
                "lead" => include.lead = true,
                "address" => {}
                _ => {
                    let detail = "include: must be a list of contacts, resources, lead, address with commas between them";
                    return Err(Problem::malformed("invalid_query", detail));
                }
            }
        }
        Ok(include)
    }

    /// Whether anything but the tenant itself has to be read.
    pub(crate) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// The view with the wanted relations.
    pub(crate) fn view(self, parts: TenantParts) -> TenantView {
        let mut view = TenantView::from(parts.tenant);
        if self.contacts {
            view = view.with_contacts(parts.contacts);
        }
        if self.resources {
            view = view.with_resources(parts.resources);
        }
        if self.lead {
            view = view.with_lead(parts.lead);
        }
        view
    }
}
