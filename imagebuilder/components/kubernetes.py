"""The components of what runs pods: containerd, Kubernetes' programs, container images, add-ons, ECR's credentials."""

from __future__ import annotations

from imagebuilder import addons, places
from imagebuilder.components import document, plan
from imagebuilder.components.document import Component, Step
from imagebuilder.components.plan import Plan
from imagebuilder.configure import credentials

_PROGRAMS = {"PROGRAM_FOLDER": places.PROGRAM_FOLDER}
_CONTAINERD = ("containerd", "containerd-shim-runc-v2", "ctr")


def containerd(made: Plan) -> Component:
    """containerd with its pinned pause image and the place for mirrors of registries, runc, CNI plugins."""
    values = {**_PROGRAMS, "PLUGIN_FOLDER": places.PLUGIN_FOLDER, "PLUGINS": " ".join(places.PLUGINS)}
    installed = {
        **values,
        **made.files("containerd", "runc", "cni-plugins"),
        "PROGRAMS": " ".join(_CONTAINERD),
        "REGISTRY_FOLDER": places.REGISTRY_FOLDER,
    }
    versions = {
        **values,
        "CONTAINERD_VERSION": made.known.containerd,
        "RUNC_VERSION": made.machine.runc or made.known.runc,
    }
    return document.component(
        "containerd",
        "containerd, runc and CNI plugins",
        {
            "build": [
                Step("install", "containerd", installed, plan.FILES, libraries=("fetch",), timeout_seconds=600),
                Step("configure", "configure", made.configure("containerd", "network")),
            ],
            "validate": [Step("versions", "containerd-check", versions)],
            "test": [Step("versions", "containerd-check", versions)],
        },
    )


def programs(made: Plan) -> Component:
    """kubeadm, kubelet and kubectl, etcd's clients, and the kubelet's unit."""
    installed = {**_PROGRAMS, **made.files("kubeadm", "kubelet", "kubectl", "etcd")}
    versions = {
        **_PROGRAMS,
        **made.image_names(),
        "VERSION": made.release.version,
        "ETCD_VERSION": made.release.etcd,
        "UNNEEDED": " ".join(made.machine.unneeded_images),
    }
    return document.component(
        "kubernetes",
        f"Programs of Kubernetes {made.release.version} and etcd {made.release.etcd}",
        {
            "build": [
                Step("install", "kubernetes", installed, plan.FILES, libraries=("fetch",), timeout_seconds=600),
                Step("configure", "configure", made.configure("kubelet")),
            ],
            "validate": [Step("versions", "kubernetes-check", versions)],
            "test": [Step("versions", "kubernetes-check", versions)],
        },
    )


def images(made: Plan) -> Component:
    """Every container image that nodes need, verified by digest and pinned against garbage collection."""
    values = {**_PROGRAMS, **made.images()}
    importing = {**values, "PULL_OPTIONS": " ".join(made.machine.pulling)}
    asked = {
        **_PROGRAMS,
        **made.image_names(),
        "ADDON_FOLDER": places.ADDON_FOLDER,
        "PYTHON": made.machine.interpreter,
    }
    return document.component(
        "images",
        "Container images in containerd's namespace k8s.io",
        {
            "build": [Step("import", "images", importing, plan.REGISTRY, libraries=("runtime",), timeout_seconds=3600)],
            "validate": [Step("whole", "images-check", values, libraries=("runtime",), timeout_seconds=600)],
            "test": [Step("every-pod", "images-test", asked)],
        },
    )


def manifests(made: Plan) -> Component:
    """The add-ons' manifests, which name their images by digest."""
    named = addons.references(addons.documents(made.known, made.release))
    values = {
        "SOURCES": places.SOURCE_FOLDER,
        "PYTHON": made.machine.python,
        "MINOR": made.release.minor,
        "OPTIONS": " ".join(made.machine.addons),
        "PINNED": " ".join(plan.pinned(made.artefacts.images, named)),
    }
    return document.component("add-ons", "Manifests of add-ons", {"build": [Step("write", "addons", values)]})


def provider(made: Plan) -> Component:
    """The kubelet's credential provider for ECR, and the flags with which it finds it."""
    values = {"PROVIDER_FOLDER": places.PROVIDER_FOLDER}
    checked = {**values, "PROVIDER_FILE": places.PROVIDER_FILE, "PYTHON": made.machine.interpreter}
    installed = {**values, **made.files(credentials.PROVIDER)}
    return document.component(
        "credential-provider",
        "The kubelet's credentials for ECR",
        {
            "build": [
                Step("install", "credential-provider", installed, plan.FILES, libraries=("fetch",)),
                Step("configure", "configure", made.configure("credentials")),
            ],
            "validate": [Step("named", "credential-provider-check", checked)],
            "test": [Step("named", "credential-provider-check", checked)],
        },
    )
