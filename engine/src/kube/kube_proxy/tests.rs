//! Claims about kube-proxy's rules.
