//! Which file of the web UI is asked for, and how long may a browser keep it?

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Read as _;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

/// `ui/dist` as `cargo xtask ui` leaves it: text in its gzip form alone. Debug builds read it from disk.
#[derive(rust_embed::Embed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// The one page; what it shows depends on the path.
const PAGE: &str = "index.html";

/// Below these no page of the UI lives, so that a mistyped address of the API is not answered by one.
const NOT_PAGES: [&str; 6] = ["assets/", "jmap/", "api/", "auth/", "healthz/", ".well-known/"];

/// Files whose name has a hash of their content.
const HASHED: &str = "assets/";

/// Bytes of one file, unpacked, at most.
const FILE_BYTES_MAX: u64 = 16 << 20;

const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Waypost</title>\n\
    <h1>The web UI is not built into this program</h1>\n\
    <p>In the source tree, <code>cargo xtask ui</code> builds it (it needs Node.js 18 or newer); \
    then build and start Waypost again.</p>\n\
    <p>All else is there: the API at <code>/jmap</code>, and the command line, <code>waypost --help</code>.</p>\n";

/// One file as it is embedded.
struct File {
    data: Cow<'static, [u8]>,
    hash: [u8; 32],
    packed: bool,
}

/// The file of this path, or the one page.
pub(crate) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if NOT_PAGES.iter().any(|start| path.starts_with(start)) && find(path).is_none() {
        return (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let refused = (StatusCode::METHOD_NOT_ALLOWED, "pages are only read\n");
        return ([(ALLOW, "GET, HEAD")], refused).into_response();
    }
    let (name, file) = match find(path) {
        Some(file) => (path, file),
        None => match find(PAGE) {
            Some(file) => (PAGE, file),
            None => return not_built(),
        },
    };
    answer(name, file, &headers)
}

fn not_built() -> Response {
    let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::SERVICE_UNAVAILABLE, html, NOT_BUILT).into_response()
}

fn find(path: &str) -> Option<File> {
    let hidden = |part: &str| part.is_empty() || part.starts_with('.');
    if path.split('/').any(hidden) || path.ends_with(".gz") {
        return None;
    }
    let packed = Dist::get(&format!("{path}.gz"));
    let is_packed = packed.is_some();
    let found = packed.or_else(|| Dist::get(path))?;
    Some(File { data: found.data, hash: found.metadata.sha256_hash(), packed: is_packed })
}

fn answer(name: &str, file: File, asked: &HeaderMap) -> Response {
    let tag = tag(&file.hash);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.clone());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let keep = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if asked.get(IF_NONE_MATCH).is_some_and(|known| names(known, &tag)) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    if !file.packed {
        *response.body_mut() = body(file.data);
    } else if takes_gzip(asked) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        *response.body_mut() = body(file.data);
    } else {
        match unpack(&file.data) {
            Ok(plain) => *response.body_mut() = Body::from(plain),
            Err(_) => return StatusCode::NOT_ACCEPTABLE.into_response(),
        }
    }
    response
}

fn body(data: Cow<'static, [u8]>) -> Body {
    match data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    }
}

fn unpack(data: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(data).take(FILE_BYTES_MAX).read_to_end(&mut plain)?;
    Ok(plain)
}

/// A weak tag, for the packed and the plain form are the same file (RFC 9110 section 8.8.3).
fn tag(hash: &[u8; 32]) -> HeaderValue {
    let mut text = String::from("W/\"");
    for byte in &hash[..12] {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    HeaderValue::try_from(text).expect("hexadecimal digits are a header value")
}

fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}

/// Whether gzip is among what the browser takes, and not with a weight of 0 (RFC 9110 section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)));
        coding.eq_ignore_ascii_case("gzip") && !refused
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    use super::*;

    fn packed(text: &str) -> File {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        File { data: Cow::Owned(encoder.finish().unwrap()), hash: [7; 32], packed: true }
    }

    fn asked(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    async fn bytes(response: Response) -> Vec<u8> {
        use http_body_util::BodyExt as _;
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_browser_gets_the_packed_form_and_others_the_plain_one() {
        let response = answer("assets/a-1.js", packed("let a"), &asked(&[("accept-encoding", "br, gzip")]));
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(unpack(&bytes(response).await).unwrap(), b"let a");
        for refusing in [&[][..], &[("accept-encoding", "gzip;q=0, br")]] {
            let response = answer("assets/a-1.js", packed("let a"), &asked(refusing));
            assert!(!response.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(bytes(response).await, b"let a");
        }
    }

    #[test]
    fn what_has_a_hash_in_its_name_is_kept_for_ever_and_the_page_is_asked_for_again() {
        let kept = |name| answer(name, packed(""), &HeaderMap::new()).headers()[CACHE_CONTROL].clone();
        assert_eq!(kept("assets/a-1.js"), "public, max-age=31536000, immutable");
        assert_eq!(kept("index.html"), "no-cache");
        assert_eq!(kept("mark.svg"), "no-cache");
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let first = answer("index.html", packed("x"), &HeaderMap::new());
        let tag = first.headers()[ETAG].clone();
        for known in [tag.clone(), HeaderValue::from_static("*")] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, known);
            assert_eq!(answer("index.html", packed("x"), &headers).status(), StatusCode::NOT_MODIFIED);
        }
        let other = asked(&[("if-none-match", "W/\"00\"")]);
        assert_eq!(answer("index.html", packed("x"), &other).status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn an_address_that_no_page_has_is_not_answered_by_one() {
        for path in ["/assets/none.js", "/api/nothing", "/auth/x", "/.well-known/x", "/jmap/x"] {
            let response = page(Method::GET, path.parse().unwrap(), HeaderMap::new()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let posted = page(Method::POST, "/queue".parse().unwrap(), HeaderMap::new()).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn nothing_outside_the_folder_and_nothing_hidden_is_found() {
        for path in
            ["../package.json", "assets/../../package.json", ".gitignore", "", "index.html.gz", "a//b"]
        {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
