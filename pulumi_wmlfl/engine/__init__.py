"""The embedded deployment engine: runs Pulumi Python programs where no Pulumi CLI can be installed.

It speaks Pulumi's own contracts. The program runs on the real SDK against our `ResourceMonitor` and
`Engine` services, the SDK's real provider process serves the resources, and the state is Pulumi's
deployment JSON in the layout of its file backend. The engine knows no resource type of this project.

The public surface is `pulumi_wmlfl.engine.api`. This room imports `errors` and Pulumi's generated stubs.
"""
