"""Simulated boards with the bootloaders of docs/boards, for tests and for the fault table.

A board is a state machine on a time line of its own. `memory.MemoryPorts` puts boards into memory,
with simulated time, so that a flash run of minutes takes milliseconds and is the same every time;
`pty.serve` puts one on a pseudo-terminal in real time.

They are as strict as the facts allow: flash bits only go from 1 to 0 between erases,
whatever a real bootloader ignores or dies of is ignored or died of here, and every write into a
bootloader's own region is counted.
"""
