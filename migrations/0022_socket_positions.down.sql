DROP TABLE socket_positions;
