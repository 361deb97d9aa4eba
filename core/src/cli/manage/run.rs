//! From arguments to requests.

use super::arguments::{
    CollectionArguments, CollectionCommand, Path, ScopeArguments, ScopeCommand,
};
use super::http::Endpoints;
use crate::cli::exit::Failure;
use crate::cli::ready::print_line;
use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What stands in a path as it is: the characters of names, but for the one that encodes the others.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Makes or drops a scope, and prints the uid of the manifest that came of it.
pub(in crate::cli) async fn scope(arguments: ScopeArguments) -> Result<(), Failure> {
    let changed = match arguments.command {
        ScopeCommand::Create { name, manage } => {
            let form = form(&[("name", &name)]);
            Endpoints::find(&manage).await?.ask(Method::POST, "/scopes", form).await
        }
        ScopeCommand::Drop { name, manage } => {
            let path = format!("/scopes/{}", encoded(&name));
            Endpoints::find(&manage).await?.ask(Method::DELETE, &path, String::new()).await
        }
    };
    print_line(&changed?)
}

/// Makes, drops or lists collections.
pub(in crate::cli) async fn collection(arguments: CollectionArguments) -> Result<(), Failure> {
    match arguments.command {
        CollectionCommand::Create { path: Path { scope, collection }, max_ttl, manage } => {
            let seconds = max_ttl.map(|ttl| ttl.as_secs().to_string());
            let mut fields = vec![("name", collection.as_str())];
            fields.extend(seconds.as_deref().map(|seconds| ("maxTTL", seconds)));
            let path = format!("/scopes/{}/collections", encoded(&scope));
            let made =
                Endpoints::find(&manage).await?.ask(Method::POST, &path, form(&fields)).await;
            print_line(&made?)
        }
        CollectionCommand::Drop { path: Path { scope, collection }, manage } => {
            let path = format!("/scopes/{}/collections/{}", encoded(&scope), encoded(&collection));
            let endpoints = Endpoints::find(&manage).await?;
            print_line(&endpoints.ask(Method::DELETE, &path, String::new()).await?)
        }
        CollectionCommand::List { manage } => {
            let endpoints = Endpoints::find(&manage).await?;
            let manifest = endpoints.ask(Method::GET, "/scopes", String::new()).await?;
            listed(&manifest).iter().try_for_each(print_line)
        }
    }
}

/// The collections of a manifest, each with its scope.
pub(super) fn listed(manifest: &Value) -> Vec<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    for scope in list(&manifest["scopes"]) {
        for collection in list(&scope["collections"]) {
            let mut line = json!({
                "scope": scope["name"],
                "collection": collection["name"],
                "scope_id": scope["uid"],
                "collection_id": collection["uid"],
            });
            if let Some(ttl) = collection["maxTTL"].as_u64() {
                line["max_ttl"] = ttl.into();
            }
            all.push(line);
        }
    }
    all
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
