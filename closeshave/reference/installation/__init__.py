"""What is installed in a cluster, once for Helm and Kustomize: what may be set, the objects, and how they are written as either."""
