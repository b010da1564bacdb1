//! Pages for people on their way to a provider. Without scripts and styles, so that any policy lets them be.

use crate::app::Provider;
use axum::response::Html;

/// Lets people choose where to sign in; all choices lead to `path` with the same parameters.
pub fn choice(providers: &[Provider], path: &str, parameters: &[(&str, &str)]) -> Html<String> {
    let links: Vec<_> = providers
        .iter()
        .map(|provider| {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("provider", &provider.id)
                .extend_pairs(parameters)
                .finish();
            let (query, name) = (escaped(&query), escaped(&provider.name));
            format!("<li><a href=\"{path}?{query}\">{name}</a></li>")
        })
        .collect();
    page("Sign in", &format!("<ul>\n{}\n</ul>", links.join("\n")))
}

/// For a sign-in of which nothing is known.
pub fn start_again() -> Html<String> {
    let body = "<p>This sign-in is not under way in this browser any more: it took too long, was finished already, or \
                began elsewhere.</p>\n<p><a href=\"/v1/auth/sign-in\">Sign in again</a></p>";
    page("Nobody was signed in", body)
}

/// For operators.
pub fn not_configured() -> Html<&'static str> {
    Html(include_str!("sign_in_not_configured.html"))
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n{body}\n</html>\n"
    ))
}

/// Fit for the text and the attributes of a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
