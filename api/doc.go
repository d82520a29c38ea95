// Package api is the edge: HTTP in front of the registrar's use cases, as
// wire/openapi.yaml describes it.
//
// A request passes, in this order: trace id and log line, recovery, security
// headers and deadlines (edge.go); then, once its route is known, who asks
// (auth.go), limits and the OpenAPI document (validate.go); then the generated
// binding and one handler per resource. Whatever fails on the way leaves
// through one exit (problem.go).
package api
