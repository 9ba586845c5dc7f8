// Package controllers has the one constant that Cilium takes from the package of this name of the Multi-Cluster Services
// API, which proxies of Go modules do not have.
package controllers

// DerivedServiceAnnotation names the Service that is made for a ServiceImport.
const DerivedServiceAnnotation = "multicluster.kubernetes.io/derived-service"
