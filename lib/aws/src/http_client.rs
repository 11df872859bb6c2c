use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tenantry_identity::{HttpClient, HttpFailure};

use crate::Error;
use crate::https::{Https, public_roots};
use crate::start::{CA_BUNDLE, setting};

/// Speaks to identity providers. Trusts the roots that browsers do, and those of `AWS_CA_BUNDLE`.
pub struct PublicHttps {
    https: Https,
    patience: Duration,
}

/// No provider's answer is longer.
const MAX_BYTES: usize = 1024 * 1024;
/// How long one request may take, its answer included. Connecting has a patience of its own.
const PATIENCE: Duration = Duration::from_secs(10);

impl PublicHttps {
    /// Made at the start of a process: reads the environment.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            https: Https::trusting(public_roots(setting(CA_BUNDLE).as_deref())?)?,
            patience: PATIENCE,
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpFailure> {
        let broken = HttpFailure("the connection broke");
        let answer = self.https.send(request.map(SdkBody::from)).await;
        let answer = answer.map_err(|error| {
            if error.is_connect() {
                HttpFailure("it cannot be reached")
            } else {
                broken
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpFailure("the answer is too long")
            } else {
                broken
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl HttpClient for PublicHttps {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, HttpFailure>> {
        async move {
            match tokio::time::timeout(self.patience, self.exchange(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(HttpFailure("no answer in time")),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Sends a request to a server that answers this and hangs up, unless it is to keep silent; what the server read, and what
    /// the client made of it.
    async fn ask(answer: Option<&[u8]>) -> (String, Result<Response<Bytes>, HttpFailure>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let serve = async {
            let (mut stream, _) = listener.accept().await.expect("the client connects");
            let mut read = String::new();
            while !read.ends_with("{}") {
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).await.expect("the client writes");
                read.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            match answer {
                // A client that has read enough hangs up.
                Some(answer) => drop(stream.write_all(answer).await),
                None => assert_eq!(stream.read(&mut [0]).await.ok(), Some(0), "the client gives up"),
            }
            read
        };
        let client = PublicHttps {
            patience: if answer.is_some() {
                PATIENCE
            } else {
                Duration::from_millis(100)
            },
            ..PublicHttps::new().expect("roots are compiled in")
        };
        let request = Request::put(format!("http://127.0.0.1:{port}/users?email=ada%40acme.com"));
        let request = request.body(Bytes::from_static(b"{}")).expect("it is a request");
        tokio::join!(serve, async {
            let answer = client.send(request).await;
            drop(client);
            answer
        })
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_end_and_a_redirect_is_one() {
        let answer = b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 5\r\n\r\nhello";

        let (asked, answer) = ask(Some(answer)).await;

        let answer = answer.expect("it is answered");
        assert_eq!(answer.status(), http::StatusCode::FOUND);
        assert_eq!(answer.headers()["location"], "/login");
        assert_eq!(&answer.body()[..], b"hello");
        assert!(
            asked.starts_with("PUT /users?email=ada%40acme.com HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("\r\nhost: 127.0.0.1:"), "{asked}");
        assert!(asked.contains("\r\ncontent-length: 2\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_in_fixed_words() {
        let mut long = b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n".to_vec();
        long.resize(long.len() + MAX_BYTES + 1, b' ');
        let cases: [(Option<&[u8]>, &str); 4] = [
            (Some(&long), "the answer is too long"),
            (
                Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel"),
                "the connection broke",
            ),
            (Some(b""), "the connection broke"),
            (None, "no answer in time"),
        ];

        for (answer, said) in cases {
            let (_, failure) = ask(answer).await;

            assert_eq!(failure.err(), Some(HttpFailure(said)));
        }
    }

    #[tokio::test]
    async fn who_is_not_there_cannot_be_reached() {
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = gone.local_addr().expect("it is bound").port();
        drop(gone);
        let client = PublicHttps::new().expect("roots are compiled in");
        let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Bytes::new());

        let failure = client.send(request.expect("it is a request")).await;

        assert_eq!(failure.err(), Some(HttpFailure("it cannot be reached")));
    }
}
