use secrecy::SecretString;
use serde_json::{Value, json};
use tenantry_app::signature;
use tenantry_domain::Clock as _;

use crate::{Answer, Call, TestApp};

/// A lead that has signed up, and the code that it was mailed.
#[derive(Clone, Debug)]
pub struct SignedUp {
    /// The lead.
    pub id: String,
    /// The code.
    pub code: String,
}

/// A lead that proved its e-mail address.
#[derive(Clone, Debug)]
pub struct VerifiedLead {
    /// The lead.
    pub id: String,
    /// Its token.
    pub token: String,
}

/// A tenant about which a job was requested, and how the application plane reports on it.
#[derive(Clone, Debug)]
pub struct Provisioning {
    /// The tenant.
    pub tenant_id: String,
    /// The job.
    pub job_id: String,
    /// The HMAC key.
    pub secret: SecretString,
    /// Part of the signed text.
    pub context: String,
}

impl TestApp {
    /// Ada of Acme's sign-up, under another address if need be.
    pub fn new_lead(email: &str) -> Value {
        json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": email })
    }

    /// A tenant that an operator creates.
    pub fn new_tenant(key: &str) -> Value {
        json!({
            "name": "Acme",
            "key": key,
            "domains": ["acme.com"],
            "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": "ada@acme.com" },
        })
    }

    /// What a tenant is provisioned for.
    pub fn subscription() -> Value {
        json!({ "id": "sub_1", "plan": { "tier": "BASIC" } })
    }

    /// Signs a lead up and reads its mail.
    pub async fn sign_up(&self, email: &str) -> SignedUp {
        // A client of its own, so that scenes do not use up the test's rate limit.
        let answer = self
            .post("/leads")
            .from("198.51.100.1")
            .json(&Self::new_lead(email))
            .send()
            .await;
        let id = answer.expect(201).text_at("/id");
        SignedUp {
            code: self.last_code().await,
            id,
        }
    }

    /// The code in the mail that came last.
    pub async fn last_code(&self) -> String {
        self.code_in_last_mail("tlc_").await
    }

    /// The code of the invitation in the mail that came last.
    pub async fn last_invitation_code(&self) -> String {
        self.code_in_last_mail("tic_").await
    }

    async fn code_in_last_mail(&self, prefix: &str) -> String {
        let mails = self.mails().await;
        let text = &mails.last().expect("a mail came").text;
        let start = text.find(prefix).expect("the mail has a code");
        text[start..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
            .collect()
    }

    /// Signs a lead up and proves its address.
    pub async fn verified_lead(&self, email: &str) -> VerifiedLead {
        let SignedUp { id, code } = self.sign_up(email).await;
        let answer = self
            .post(&format!("/leads/{id}/verify"))
            .from("198.51.100.2")
            .bearer(&code)
            .send()
            .await;
        VerifiedLead {
            token: answer.expect(200).text_at("/token"),
            id,
        }
    }

    /// Creates a tenant as an operator.
    pub async fn tenant(&self, key: &str) -> String {
        let answer = self
            .post("/tenants")
            .bearer(&self.operator())
            .json(&Self::new_tenant(key))
            .send()
            .await;
        answer.expect(201).text_at("/id")
    }

    /// Creates something of an account as an operator; answers its id.
    pub async fn account_thing(&self, path: &str, body: &Value) -> String {
        let answer = self.post(path).bearer(&self.operator()).json(body).send().await;
        answer.expect(201).text_at("/id")
    }

    /// Requests provisioning and reads the event.
    pub async fn provision(&self, tenant_id: &str) -> Provisioning {
        let path = format!("/tenants/{tenant_id}/provision");
        let answer = self
            .post(&path)
            .bearer(&self.operator())
            .json(&Self::subscription())
            .send()
            .await;
        self.order(&answer.expect(202).text_at("/id")).await
    }

    /// What an application plane learns of a job, of any kind.
    pub async fn order(&self, job_id: &str) -> Provisioning {
        let events = self.events().await;
        let event = events
            .iter()
            .rev()
            .find(|event| event["detail"]["data"]["job"]["id"] == job_id);
        Provisioning::of_event(event.expect("the event went out"))
    }

    /// Sends something about a tenant as an operator: `command` is the path behind the tenant's.
    pub async fn command(&self, tenant_id: &str, command: &str, body: &Value) -> Answer {
        let path = format!("/tenants/{tenant_id}/{command}");
        self.post(&path).bearer(&self.operator()).json(body).send().await
    }

    /// Requests that the tenant is offboarded, without a grace period, and reads the event.
    pub async fn offboard(&self, tenant_id: &str) -> Provisioning {
        let answer = self
            .command(tenant_id, "offboard", &json!({ "graceDays": 0 }))
            .await;
        self.order(&answer.expect(202).text_at("/id")).await
    }

    /// Requests that the tenant moves to another tier, and reads the event.
    pub async fn change_tier(&self, tenant_id: &str, tier: &str) -> Provisioning {
        let answer = self
            .command(tenant_id, "change-tier", &json!({ "tier": tier }))
            .await;
        self.order(&answer.expect(202).text_at("/id")).await
    }

    /// A tenant that was in use and is offboarded, without a grace period.
    pub async fn inactive_tenant(&self, key: &str) -> String {
        let tenant_id = self.active_tenant(key).await;
        let order = self.offboard(&tenant_id).await;
        self.report(&order, &order.removed()).await.expect(204);
        tenant_id
    }

    /// Says something to a route of application planes, signed as everything but a report is: over body and timestamp.
    pub fn signed_call(&self, provisioning: &Provisioning, path: &str, body: &Value) -> Call<'_> {
        let (now, body) = (self.clock.now().as_millis(), body.to_string());
        let signature = signature::sign(&provisioning.secret, body.as_bytes(), "", now);
        self.post(path)
            .header("x-timestamp", &now.to_string())
            .header("x-signature", &signature)
            .body(body)
    }

    /// Has the identity of the job's tenant set up.
    pub async fn set_up_identity(&self, provisioning: &Provisioning) -> Answer {
        let body = json!({ "tenant": { "id": provisioning.tenant_id } });
        self.signed_call(provisioning, "/manage/users", &body)
            .send()
            .await
    }

    /// Reads a job as an operator.
    pub async fn find_job(&self, tenant_id: &str, job_id: &str) -> Value {
        let path = format!("/tenants/{tenant_id}/jobs/{job_id}");
        self.get(&path)
            .bearer(&self.operator())
            .send()
            .await
            .expect(200)
            .json()
    }

    /// A tenant in use.
    pub async fn active_tenant(&self, key: &str) -> String {
        let tenant_id = self.tenant(key).await;
        let provisioning = self.provision(&tenant_id).await;
        self.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        tenant_id
    }

    /// Reports to the webhook, properly signed now.
    pub async fn report(&self, provisioning: &Provisioning, body: &Value) -> Answer {
        let now = self.clock.now().as_millis();
        self.report_at(provisioning, body, now).await
    }

    /// Reports to the webhook, signed for this time.
    pub async fn report_at(&self, provisioning: &Provisioning, body: &Value, timestamp_ms: i64) -> Answer {
        self.signed_report(provisioning, body, timestamp_ms).send().await
    }

    /// A report that is signed for this time.
    pub fn signed_report(&self, provisioning: &Provisioning, body: &Value, timestamp_ms: i64) -> Call<'_> {
        let body = body.to_string();
        let signature = signature::sign(
            &provisioning.secret,
            body.as_bytes(),
            &provisioning.context,
            timestamp_ms,
        );
        self.post("/webhook")
            .header("content-type", "application/json")
            .header("x-timestamp", &timestamp_ms.to_string())
            .header("x-signature", &signature)
            .body(body)
    }

    /// Reads a tenant as an operator.
    pub async fn find_tenant(&self, tenant_id: &str) -> Value {
        let path = format!("/tenants/{tenant_id}?include=contacts,resources,lead");
        self.get(&path)
            .bearer(&self.operator())
            .send()
            .await
            .expect(200)
            .json()
    }
}

impl Provisioning {
    /// What an application plane learns from the event.
    pub fn of_event(event: &Value) -> Self {
        let data = &event["detail"]["data"];
        let text = |pointer: &str| {
            let text = data.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_else(|| panic!("no {pointer} in {data}"))
                .to_owned()
        };
        Self {
            tenant_id: text("/tenant/id"),
            job_id: text("/job/id"),
            secret: text("/callback/secret").into(),
            context: text("/callback/context"),
        }
    }

    /// A report that two resources stand.
    pub fn success(&self) -> Value {
        json!({
            "initiatorId": self.tenant_id,
            "type": 0,
            "data": {
                "status": 1,
                "resources": [
                    { "type": "bucket", "externalIdentifier": "acme-files", "metadata": { "bucket": "acme-files" } },
                    { "type": "database", "externalIdentifier": "acme-db" },
                ],
                "appPlaneUrl": "https://acme.app.example.com",
            },
        })
    }

    /// A report that everything is removed.
    pub fn removed(&self) -> Value {
        json!({ "initiatorId": self.tenant_id, "type": 1, "data": { "status": 1 } })
    }

    /// A report that removing it failed.
    pub fn not_removed(&self, reason: &str) -> Value {
        json!({ "initiatorId": self.tenant_id, "type": 1, "data": { "status": 0, "reason": reason } })
    }

    /// A report that it failed.
    pub fn failure(&self, reason: &str) -> Value {
        json!({ "initiatorId": self.tenant_id, "type": 0, "data": { "status": 0, "reason": reason } })
    }
}
