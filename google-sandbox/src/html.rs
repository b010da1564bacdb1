//! Plain pages without scripts.

use std::fmt::Write;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const STYLE: &str = "
:root{color-scheme:light dark;--line:#c4c7c5;--accent:#0b57d0;--on:#fff;--soft:#8883}
@media(prefers-color-scheme:dark){:root{--line:#5f6368;--accent:#a8c7fa;--on:#062e6f}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif}
.banner{background:#b3261e;color:#fff;padding:.6rem 1rem;text-align:center;font-weight:600}
main{max-width:44rem;margin:2rem auto;padding:0 1rem}
main.narrow{max-width:28rem}
h1{font-size:1.5rem;font-weight:500;margin:0 0 .25rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem}
a{color:var(--accent)}
.muted{opacity:.75}
button{font:inherit;cursor:pointer;border:1px solid var(--line);border-radius:2rem;padding:.5rem 1.2rem;background:none;color:inherit}
button.main{background:var(--accent);border-color:var(--accent);color:var(--on)}
button:focus-visible,input:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button.person{display:flex;flex-wrap:wrap;justify-content:space-between;column-gap:1rem;width:100%;text-align:left;border-radius:.75rem;margin:.4rem 0;padding:.5rem 1rem}
button.person:hover{background:var(--soft)}
button.small{padding:.1rem .7rem;font-size:.85rem}
label.box code{display:block}
.row{display:flex;gap:.75rem;justify-content:flex-end;margin-top:1.5rem;flex-wrap:wrap}
.row.start{justify-content:flex-start;align-items:end;margin-top:.5rem}
label.box{display:flex;gap:.75rem;align-items:start;padding:.6rem 0;border-bottom:1px solid var(--line)}
label.box input{margin-top:.35rem;width:1.1rem;height:1.1rem}
label.field{display:block;font-size:.9rem}
label.field input{display:block;font:inherit;height:2.6rem;padding:.4rem .6rem;border:1px solid var(--line);border-radius:.4rem;background:none;color:inherit}
code{font-size:.85rem;overflow-wrap:anywhere}
.event{border:1px solid var(--line);border-left:4px solid var(--accent);border-radius:.5rem;padding:.6rem 1rem;margin:.5rem 0;display:flex;justify-content:space-between;gap:1rem}
.event ul{margin:.25rem 0 0;padding-left:1.2rem;font-size:.9rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line)}
";

/// Text that is safe between tags and inside quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A whole page. `content` is markup; `title` is text.
pub(crate) fn page(status: StatusCode, title: &str, narrow: bool, content: &str) -> Response {
    let mut page = String::new();
    let class = if narrow { " class=\"narrow\"" } else { "" };
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{} - not Google</title><style>{STYLE}</style></head><body>\
         <div class=\"banner\" role=\"note\">This is NOT Google - local stand-in for development</div>\
         <main{class}>{content}</main></body></html>",
        escape(title)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            // No form-action: the answer to a form is a redirect to the client.
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not no-referrer, which would make browsers send `Origin: null` with our own forms.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, page).into_response()
}

/// A page with one message.
pub(crate) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let content = format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text));
    page(status, title, true, &content)
}
