"""Reading and checking instanceha.yaml.

::

    loading         all of it: load(); what comes out is in config
    location        which files they are
    reading         from files to the configuration
    syntax          bytes to YAML's nodes
    document        those to a tree that knows its lines
    merging         the secure file over the other
    permissions     who may use a file that holds a secret
    ownership       to whom a file belongs that is trusted
    schema          what may stand in the files
    validation      trees against schemas; what is wrong, in plain words
    belonging       cloud: the one that the file is for
    running         lock, limits, evacuate
    devices         fencing devices, named once or written where they are used
    device_options  their options, as they are written
    hosts           which host has which devices
    patterns        many host names at once
    specifying      a device made that of one host
    substitution    what differs from host to host
    secrets         what is shown to nobody, and read when it is needed
    targets         what a device switches, however it is written
    addresses       URLs and names of machines, however they are written
    collisions      hosts that would be switched together
    problems        what is wrong, collected

A part that finds a mistake adds it to the problems and goes on, so that a
person sees all of them at once. Nothing here shows a secret: a problem
names keys and lines, and values only where no secret can be.
"""
