"""Many entries at once: files that other programs and we write, as entries with the line they are from. No I/O.

`json_lines` is ours and complete; `tables` is CSV; `passwd_file` is Dovecot's, `postfix_maps` Postfix's.
"""
