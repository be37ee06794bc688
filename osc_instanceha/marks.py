"""The disabled reason that tells people and later runs of a fencing."""

from __future__ import annotations

from osc_instanceha import model

#: os-services takes a disabled reason of 1 to 255 characters.
_LENGTH = 255

_OURS = 'instanceha: fenced'
#: nova-compute disables itself when it loses its hypervisor, and enables
#: itself again (nova.virt.libvirt.driver.DISABLE_PREFIX): nobody's reason.
_AUTOMATIC = 'AUTO: '

_BEFORE = '; disabled before: '
_NO_REASON = 'no reason'


def reason(how: str, service: model.Service) -> str:
    """The reason to write.

    Another one that is there already is kept behind it, so that whoever
    brings the host back knows of it.

    :param how: by what, when, and by whom the host was fenced
    :param service: as it was before
    """
    text = f'{_OURS} {how}'
    earlier = before(service)
    if earlier is not None:
        # What it was before must not be lost to a long list of devices.
        room = _LENGTH - len(_BEFORE) - min(len(earlier), _LENGTH // 2)
        text = text[:room] + _BEFORE + earlier
    return text[:_LENGTH]


def is_ours(service: model.Service) -> bool:
    """Whether the service is disabled because its host was fenced by us."""
    return not service.enabled and (service.disabled_reason or '').startswith(
        _OURS
    )


def before(service: model.Service) -> str | None:
    """Why the service was disabled by somebody, whatever we did since.

    :returns: None if it was not
    """
    if service.enabled:
        return None
    if (service.disabled_reason or '').startswith(_AUTOMATIC):
        return None
    if is_ours(service):
        _, found, earlier = (service.disabled_reason or '').partition(_BEFORE)
        return earlier if found else None
    return service.disabled_reason or _NO_REASON
