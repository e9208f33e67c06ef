"""A platform on a Kubernetes cluster: a remote one, of which the harness also reads the cluster's API and breaks pods and nodes by it."""
