-- Free pages, all pages, and whether pages can be given back one by one (2: yes).  From the header.
SELECT freelist_count, page_count, auto_vacuum
FROM pragma_freelist_count, pragma_page_count, pragma_auto_vacuum
