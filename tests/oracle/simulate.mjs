// Reads one case as JSON from each line of standard input and writes its result: Allowed, ImplicitlyDenied, …
//
// The package's own runSimulation drops condition keys that its data do not list for the action, and its
// runUnsafeSimulation ends on resource policies; so the engine below both is called.
import { createInterface } from 'node:readline'
import { loadPolicy } from './node_modules/@cloud-copilot/iam-policy/dist/esm/index.js'

const engine = './node_modules/@cloud-copilot/iam-simulate/dist/esm'
const { authorize } = await import(`${engine}/core_engine/CoreSimulatorEngine.js`)
const { AwsRequestImpl } = await import(`${engine}/request/request.js`)
const { RequestContextImpl } = await import(`${engine}/requestContext.js`)
const { DiscoveryContextKeyConstraints } = await import(
  `${engine}/context_keys/discoveryContextKeyConstraints.js`
)

const everything = {
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }
}
const load = (kind, policy) => loadPolicy(policy, { name: kind })
const optional = (kind, policy) => (policy ? [load(kind, policy)] : undefined)

function result(asked) {
  return authorize({
    request: new AwsRequestImpl(
      asked.principal,
      { resource: asked.resource, accountId: asked.account },
      asked.action,
      new RequestContextImpl(asked.context)
    ),
    identityPolicies: asked.identity.map((policy) => load('identity', policy)),
    permissionBoundaries: optional('boundary', asked.boundary),
    sessionPolicy: asked.session ? load('session', asked.session) : undefined,
    resourcePolicy: asked.on_resource ? load('resource', asked.on_resource) : undefined,
    vpcEndpointPolicies: optional('endpoint', asked.endpoint),
    serviceControlPolicies: [],
    resourceControlPolicies: [{ orgIdentifier: 'root', policies: [load('everything', everything)] }],
    simulationParameters: {
      simulationMode: 'Strict',
      discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([])
    },
    serviceSettings: { s3: {} }
  }).result
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(result(JSON.parse(line))))
}
