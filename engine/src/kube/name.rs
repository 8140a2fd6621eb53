//! The names that Kubernetes allows (k8s.io/apimachinery/pkg/util/validation).

/// An RFC 1123 label: what a namespace and a container may be called.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

/// An RFC 1123 subdomain: what a pod and a node may be called.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_part)
}

/// What a port may be called (RFC 6335): a short label with a letter in it.
pub(super) fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && is_part(text)
        && !text.contains("--")
        && text.bytes().any(|b| b.is_ascii_lowercase())
}

fn is_part(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.iter().all(|&b| alphanumeric(b) || b == b'-')
        && bytes.first().is_some_and(|&b| alphanumeric(b))
        && bytes.last().is_some_and(|&b| alphanumeric(b))
}
