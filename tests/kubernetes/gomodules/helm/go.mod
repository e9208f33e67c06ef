module closeshave/helm

go 1.26.0
