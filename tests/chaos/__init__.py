"""A chaos run: lanes honest and not, and what may befall all who work on them, all from one seed.

plan         what is planted, who is killed, what fails and when: pure
stage        the chain and everybody on it, in processes
cheats       relayers that commit faults on purpose
attesters    operators that post attestations, true and false
holders      those who hand promises to verifiers
trouble      kills, reorganisations, nodes that fail
meanwhile    who was killed is started again, what was broken is mended
play         a plan played: a day of traffic, a night of time passing, and the reckoning
reckoning    what was punished, and what was not to be, by the chain's events
leaving      everybody takes its money, and nothing is left
run          a trip from its seed to the last wei
"""
