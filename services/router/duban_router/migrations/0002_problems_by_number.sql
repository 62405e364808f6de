-- People look for a problem by its number, without naming the city.
create index problems_by_number on problems (number);
