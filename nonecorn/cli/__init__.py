"""The command line: `nonecorn serve`, `plugins`, `config`, `completion`.

    main.py         the entry point: runs the group, and turns errors into one line and an exit code
    group.py        the group: commands by name, each imported when it is called
    settings.py     commands whose options are the settings of the kernel and of plugins
    options.py      one setting as a click option
    serve.py        `nonecorn serve`
    config.py       `nonecorn config show | check | schema`
    completion.py   `nonecorn completion`
    plugins.py      `nonecorn plugins`

`nonecorn --help` imports click and nothing else: no plugin, no settings, no event loop.
"""
